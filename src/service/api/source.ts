/** Sources: how they are, what they are made of, and the test of one before it is saved. */
import { z } from 'zod';
import { fault, instant } from './leaf.ts';

export const sourceName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$/);

/** `paused`: a person stopped it in the console. The others are those of the watch (docs/monitoring.md). */
export const sourceState = z.enum(['new', 'healthy', 'late', 'refused', 'throttled', 'silent', 'expiring', 'paused', 'stopped']);
export type ApiSourceState = z.infer<typeof sourceState>;

export const concern = z.strictObject({ kind: z.string(), since: instant, fault, folder: z.string().nullable() });

/** A source at a glance. */
export const sourceCard = z.strictObject({
  name: sourceName,
  /** `file`: of the configuration file, shown and not changed here. `console`: made here. */
  origin: z.enum(['file', 'console']),
  mailbox: z.string(),
  protocol: z.enum(['imap', 'pop3']),
  server: z.string(),
  authentication: z.enum(['oauth2', 'password']),
  tenant: z.string().nullable(),
  format: z.enum(['auto', 'telemessage', 'journal', 'mail']),
  everySeconds: z.number(),
  state: sourceState,
  stateSince: instant.nullable(),
  /** Worst first; the first is what is wrong. */
  concerns: z.array(concern),
  lastPass: instant.nullable(),
  lastArrival: instant.nullable(),
  /** From the newest message's arrival on the server to its being durable here; null where none came while the service ran. */
  lagSeconds: z.number().nullable(),
  nextLook: instant.nullable(),
  /** A pass is going on. */
  running: z.boolean(),
  paused: z.boolean(),
  messages: z.int(),
  quarantined: z.int(),
  openGaps: z.int(),
  /** Arrivals of the last 24 hours by hour, oldest first: 24 numbers. */
  arrivals: z.array(z.int()).length(24),
});
export type SourceCard = z.infer<typeof sourceCard>;
export const sourceList = z.strictObject({ sources: z.array(sourceCard) });
export type SourceList = z.infer<typeof sourceList>;

/** A credential as the form gives it. An absent value means: as it was saved. */
export const draftCredential = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('secret'), secret: z.string().max(1000).optional(), expires: z.string().optional() }),
  /** PEM texts; the key is kept encrypted. */
  z.strictObject({
    kind: z.literal('certificate'),
    certificate: z.string().max(20_000).optional(),
    key: z.string().max(20_000).optional(),
  }),
  /** Where the secret is, as in the configuration file; nothing is kept here. */
  z.strictObject({
    kind: z.literal('reference'),
    env: z.string().max(200).optional(),
    file: z.string().max(1000).optional(),
    expires: z.string().optional(),
  }),
]);

/** What the source form holds. */
export const sourceDraft = z.strictObject({
  name: z.string().max(63),
  protocol: z.enum(['imap', 'pop3']),
  authentication: z.enum(['oauth2', 'password']),
  /** With OAuth 2.0 either the name of a tenant of the configuration file, or the app's own ids. */
  tenant: z.string().max(63).nullable(),
  app: z
    .strictObject({
      clientId: z.string().max(200),
      tenantId: z.string().max(255),
      /** Of another cloud, e.g. `gcc-high`; or `custom` with its endpoints below (a test tenant). */
      cloud: z.enum(['global', 'gcc-high', 'dod', 'china', 'custom']),
      custom: z
        .strictObject({
          authority: z.string().max(1000),
          imap: z.string().max(255),
          pop: z.string().max(255),
          ca: z.string().max(20_000).optional(),
        })
        .nullable(),
      /** Token scope; null: the cloud's. */
      scope: z.string().max(1000).nullable(),
      credential: draftCredential,
    })
    .nullable(),
  /** With a password. `secret` absent: as it was saved. */
  password: z.strictObject({ user: z.string().max(320), secret: z.string().max(1000).optional() }).nullable(),
  server: z
    .strictObject({
      host: z.string().max(255),
      port: z.int().min(1).max(65_535).nullable(),
      /** `none`: on this machine only. */
      tls: z.enum(['implicit', 'starttls', 'none']),
      ca: z.string().max(20_000).optional(),
    })
    .nullable(),
  mailbox: z.string().max(320),
  /** As `folders:` of the configuration: names, patterns, special uses, exclusions with `!`. */
  folders: z.array(z.string().max(1000)).max(500),
  /** E.g. `1m`. */
  every: z.string().max(20),
  since: z.string().max(10).nullable(),
  format: z.enum(['auto', 'telemessage', 'journal', 'mail']),
  nameOrder: z.enum(['first-last', 'last-first']),
  country: z.string().max(4).nullable(),
  owners: z.array(z.string().max(320)).max(10_000),
  onCompletion: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('leave') }),
    z.strictObject({ kind: z.literal('seen') }),
    z.strictObject({ kind: z.literal('move'), folder: z.string().max(1000) }),
    z.strictObject({ kind: z.literal('delete'), after: z.string().max(20) }),
  ]),
  hold: z.boolean(),
  silentAfter: z.string().max(20).nullable(),
});
export type SourceDraft = z.infer<typeof sourceDraft>;

/** Of a change: `revision` as `SourceDetail` gave it; where another one is kept by now, nothing is saved. Without it the last one wins. */
export const revision = z.string().max(64);
export const sourceChange = sourceDraft.extend({ revision: revision.optional() });

/** Of `/drafts/*`: the saved source that the draft replaces, whose secrets stand in where the draft leaves them out. */
export const draftQuery = z.strictObject({ name: sourceName.optional() });
/** Deleting wants the name typed: `DELETE /sources/telemessage?confirm=telemessage`. `revision` as with a change. */
export const deletion = z.strictObject({ confirm: z.string().max(63), revision: revision.optional() });
/** A definition as YAML, to be read into a draft. */
export const definitionText = z.strictObject({ yaml: z.string().max(200_000) });

/** One remark on a field of the form, as soon as it is typed. `hint` keeps nobody from saving. */
export const fieldRemark = z.strictObject({ field: z.string(), level: z.enum(['error', 'hint']), says: z.string() });
export type FieldRemark = z.infer<typeof fieldRemark>;
export const draftJudgement = z.strictObject({ remarks: z.array(fieldRemark), savable: z.boolean() });
export type DraftJudgement = z.infer<typeof draftJudgement>;

/** A source whole: its card, and its definition without any secret. `secretKept`: a value is kept here, so the form may leave it empty. */
export const sourceDetail = z.strictObject({
  card: sourceCard,
  definition: sourceDraft,
  secretKept: z.boolean(),
  /** The same as it would stand in the configuration file (YAML), secrets as references. */
  yaml: z.string(),
  editable: z.boolean(),
  changed: z.strictObject({ at: instant, by: z.string(), revision }).nullable(),
});
export type SourceDetail = z.infer<typeof sourceDetail>;

export const sourceAction = z.strictObject({ action: z.enum(['run', 'pause', 'resume']) });

export const listedFolder = z.strictObject({
  name: z.string(),
  /** E.g. `\Sent`; empty for none. */
  use: z.string(),
  messages: z.int().nullable(),
  selectable: z.boolean(),
});
export type ListedFolder = z.infer<typeof listedFolder>;
export const folderList = z.strictObject({ folders: z.array(listedFolder) });
export type FolderList = z.infer<typeof folderList>;

/** A rung of the ladder of a test. */
export const rung = z.strictObject({
  /** `tenant`, `client`, `credential`, `name`, `connection`, `tls`, `discovery`, `token`, `claims`, `login`, `open`, `fetch`. */
  probe: z.string(),
  title: z.string(),
  place: z.string(),
  outcome: z.enum(['waiting', 'running', 'ok', 'refused', 'not-run']),
  because: z.string().nullable(),
  seen: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** What was seen, in one line for a person; empty while there is nothing to say. */
  says: z.string(),
  /** Of the catalogue, where it was refused and the refusal has a name. */
  code: z.string().nullable(),
  tookMs: z.number().nullable(),
});
export type Rung = z.infer<typeof rung>;

export const testFinding = z.strictObject({
  code: z.string(),
  certainty: z.enum(['sure', 'supposed']),
  level: z.enum(['fault', 'warning']),
  says: z.string(),
  cause: z.string(),
  fix: z.string(),
  because: z.string().nullable(),
  seen: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** Commands to paste, each for its own copy button. */
  repair: z.array(z.string()),
  /** Probes that it explains. */
  probes: z.array(z.string()),
});
export type TestFinding = z.infer<typeof testFinding>;

/** State of a test. It is sent whole with every change (event `test` of `GET /tests/{id}/events`). */
export const sourceTest = z.strictObject({
  id: z.string(),
  startedAt: instant,
  ended: z.boolean(),
  verdict: z.enum(['good', 'faults', 'configuration', 'later', 'stopped']).nullable(),
  rungs: z.array(rung),
  findings: z.array(testFinding),
  tookMs: z.number().nullable(),
});
export type SourceTest = z.infer<typeof sourceTest>;
