/**
 * Who is logged in, and the way to the API that this opens. Without a session the login page stands in the place of everything, at the
 * same address: after the login the person is where they wanted to go.
 */
import { keepPreviousData, type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useMemo } from 'react';
import type { Role, Session } from '../../src/service/api.ts';
import { type Api, ApiError, makeApi, type Query } from './api.ts';

const sessionKey = ['/session'] as const;
export type Permission = 'read' | 'read-log' | 'operate' | 'administer';

const rights: Readonly<Record<Role, readonly Permission[]>> = {
  administrator: ['read', 'read-log', 'operate', 'administer'],
  operator: ['read', 'operate'],
  auditor: ['read', 'read-log'],
};

export function may(role: Role, permission: Permission): boolean {
  return rights[role].includes(permission);
}

interface Door {
  readonly api: Api;
  readonly session: Session;
}
const DoorContext = createContext<Door | undefined>(undefined);
const ApiContext = createContext<Api | undefined>(undefined);

/** The API, also before the login. */
export function ApiProvider({ children }: { readonly children: ReactNode }) {
  const queries = useQueryClient();
  const api = useMemo(
    () =>
      makeApi({
        csrf: () => queries.getQueryData<Session | null>(sessionKey)?.csrf,
        onLoggedOut: () => queries.setQueryData(sessionKey, null),
        onPasswordFirst: () =>
          queries.setQueryData<Session | null>(sessionKey, (session) => (session ? { ...session, mustChangePassword: true } : session)),
      }),
    [queries],
  );
  return <ApiContext value={api}>{children}</ApiContext>;
}

export function useApi(): Api {
  const api = useContext(ApiContext);
  if (api === undefined) throw new Error('useApi stands outside of ApiProvider.');
  return api;
}

/** The session; null: nobody is logged in. */
export function useSessionQuery(): UseQueryResult<Session | null> {
  const api = useApi();
  return useQuery({
    queryKey: sessionKey,
    queryFn: async ({ signal }) => {
      try {
        return await api.get<Session>('/session', {}, signal);
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** After login, logout or a changed password. What another user saw is forgotten. */
export function useSetSession(): (session: Session | null) => void {
  const queries = useQueryClient();
  return (session) => {
    queries.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionKey[0] });
    queries.setQueryData(sessionKey, session);
  };
}

export function SessionProvider({ session, children }: { readonly session: Session; readonly children: ReactNode }) {
  const api = useApi();
  const door = useMemo(() => ({ api, session }), [api, session]);
  return <DoorContext value={door}>{children}</DoorContext>;
}

export function useSession(): Session {
  const door = useContext(DoorContext);
  if (door === undefined) throw new Error('useSession stands outside of a session.');
  return door.session;
}

/** Whether who is logged in may do this. What they may not is not shown at all. */
export function useMay(permission: Permission): boolean {
  return may(useSession().role, permission);
}

/** As {@link useMay}, also where nobody is logged in: then nothing may be done. */
export function useMayHere(permission: Permission): boolean {
  const door = useContext(DoorContext);
  return door !== undefined && may(door.session.role, permission);
}

/** Reads a path of the API. Its key is [path, query]: live events refresh by the path. */
export function useRead<T>(
  path: string,
  query: Query = {},
  options: { readonly enabled?: boolean; readonly keep?: boolean } = {},
): UseQueryResult<T> {
  const api = useApi();
  return useQuery<T>({
    queryKey: [path, query],
    queryFn: ({ signal }) => api.get<T>(path, query, signal),
    enabled: options.enabled ?? true,
    ...(options.keep === true ? { placeholderData: keepPreviousData } : {}),
  });
}
