/**
 * The state of the source form: what is typed, which fields were touched, and what is said of them. Quick shape checks come at once; the
 * service's judgement follows when the typing rests.
 *
 * The hard thing is to say neither too early nor too late: that a field is still empty is no news while it was not touched, yet it keeps
 * the form from being saved.
 */
import { useCallback, useEffect, useMemo, useState } from 'react';
import type { DraftJudgement, FieldRemark } from '../../../../src/service/api.ts';
import { ApiError, apiAddress } from '../../api.ts';
import { useApi } from '../../session.tsx';
import { type FormDraft, toSend } from './draft.ts';
import { remarksByField, shapeRemarks } from './shapes.ts';

const restMs = 350;
/** So long nobody has typed: then a shape that is not complete yet is one that is wrong. */
const doneTypingMs = 800;

export interface SourceForm {
  readonly draft: FormDraft;
  /** Name of the saved source that this changes; undefined: a new one. */
  readonly saved: string | undefined;
  readonly changed: boolean;
  readonly errors: readonly FieldRemark[];
  /** Those that keep it from being saved: what was judged of an earlier draft may be mended, and the service judges again. */
  readonly blocking: readonly FieldRemark[];
  change(next: FormDraft): void;
  touch(field: string): void;
  /** Everything is shown from now on: somebody tried to save or test. */
  touchAll(): void;
  /** What the service said to the form as it was sent. */
  refuse(problem: unknown): void;
  remark(field: string): FieldRemark | undefined;
}

/** Query that names the saved source which a draft replaces. */
export function draftPath(path: string, saved: string | undefined): string {
  return saved === undefined ? path : apiAddress(path, { name: saved }).slice('/api/v1'.length);
}

export function useSourceForm(initial: FormDraft, saved: string | undefined): SourceForm {
  const api = useApi();
  const [draft, setDraft] = useState(initial);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const [judged, setJudged] = useState<readonly FieldRemark[]>([]);
  const [judgedDraft, setJudgedDraft] = useState<FormDraft>();
  const [refused, setRefused] = useState<readonly FieldRemark[]>([]);
  const [settled, setSettled] = useState<FormDraft>();

  useEffect(() => {
    const asked = new AbortController();
    const timer = setTimeout(() => {
      api
        .post<DraftJudgement>(draftPath('/drafts/judge', saved), toSend(draft), asked.signal)
        .then(({ remarks }) => {
          setJudged(remarks);
          setJudgedDraft(draft);
        })
        .catch((problem: unknown) => {
          // What the schema refuses says so by field; everything else is said when it is saved.
          if (!(problem instanceof ApiError) || problem.fields.length === 0) return;
          setJudged(fieldErrors(problem));
          setJudgedDraft(draft);
        });
    }, restMs);
    return () => {
      clearTimeout(timer);
      asked.abort();
    };
  }, [api, draft, saved]);

  useEffect(() => {
    const timer = setTimeout(() => setSettled(draft), doneTypingMs);
    return () => clearTimeout(timer);
  }, [draft]);

  const refuse = useCallback((problem: unknown) => {
    setAll(true);
    if (problem instanceof ApiError) setRefused(fieldErrors(problem));
  }, []);

  const quick = useMemo(() => shapeRemarks(draft), [draft]);
  const remarks = useMemo(() => remarksByField(quick, [...refused, ...judged]), [quick, judged, refused]);
  const shown = (remark: FieldRemark) =>
    all || remark.level === 'hint' || touched.has(remark.field) || (settled === draft && quick.some(({ field }) => field === remark.field));
  return {
    draft,
    saved,
    changed: draft !== initial,
    errors: errorsOf(remarks),
    blocking: judgedDraft === draft ? errorsOf(remarks) : errorsOf(remarksByField(quick, refused)),
    change: (next) => {
      setDraft(next);
      setRefused([]);
    },
    touch: (field) => setTouched((before) => (before.has(field) ? before : new Set([...before, field]))),
    touchAll: () => setAll(true),
    refuse,
    remark: (field) => {
      const remark = remarks.get(field);
      return remark !== undefined && shown(remark) ? remark : undefined;
    },
  };
}

function errorsOf(remarks: ReadonlyMap<string, FieldRemark>): FieldRemark[] {
  return [...remarks.values()].filter(({ level }) => level === 'error');
}

function fieldErrors(problem: ApiError): FieldRemark[] {
  return problem.fields.map(({ field, says }) => ({ field, says, level: 'error' }));
}

/** What an input needs to know of its field. */
export function fieldProps(form: SourceForm, field: string, description?: string) {
  const remark = form.remark(field);
  return {
    onBlur: () => form.touch(field),
    'data-field': field,
    ...(remark?.level === 'error' ? { error: remark.says } : {}),
    ...(remark?.level === 'hint' ? { description: [description, remark.says].filter((text) => text !== undefined).join(' ') } : {}),
    ...(remark?.level !== 'hint' && description !== undefined ? { description } : {}),
  };
}
