/** The whole console: what every page stands on, in its order, and which page is shown. */
import { Button, Center, MantineProvider } from '@mantine/core';
import { IconMapOff } from '@tabler/icons-react';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Component, type ReactNode, Suspense, useState } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';
import { ApiError } from './api.ts';
import { LiveProvider } from './events.tsx';
import { Frame } from './frame.tsx';
import { FirstPasswordPage, LoginPage } from './pages/login/login-page.tsx';
import { Empty } from './parts/empty.tsx';
import { Problem } from './parts/fault.tsx';
import { Loading, MovedContext, Page } from './parts/page.tsx';
import { SayProvider } from './parts/say.tsx';
import { pageRoutes } from './routes.tsx';
import { ApiProvider, may, SessionProvider, useSession, useSessionQuery } from './session.tsx';
import { cssVariables, theme } from './theme.ts';

/** `nonce`: of the content security policy, for the style tags that Mantine makes. */
export function App({ nonce }: { readonly nonce: string }) {
  const [queries] = useState(
    () =>
      new QueryClient({
        defaultOptions: {
          queries: {
            // Events tell what has changed; this is for when they do not come.
            staleTime: 30_000,
            retry: (times, error) => times < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
          },
        },
      }),
  );
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto" getStyleNonce={() => nonce}>
      <QueryClientProvider client={queries}>
        <ApiProvider>
          <Boundary>
            <Inside />
          </Boundary>
        </ApiProvider>
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Inside() {
  const session = useSessionQuery();
  if (session.data === null) return <LoginPage />;
  if (session.data === undefined) {
    return (
      <Center component="main" mih="100dvh" p="md">
        {session.isError ? (
          <Problem error={session.error} actions={<Button onClick={() => void session.refetch()}>Try again</Button>} />
        ) : (
          <Loading />
        )}
      </Center>
    );
  }
  if (session.data.mustChangePassword) return <FirstPasswordPage session={session.data} />;
  return (
    <SessionProvider session={session.data}>
      <LiveProvider>
        <SayProvider>
          <Frame>
            <Pages />
          </Frame>
        </SayProvider>
      </LiveProvider>
    </SessionProvider>
  );
}

function Pages() {
  const { role } = useSession();
  const [place] = useLocation();
  const [first] = useState(place);
  const [moved, setMoved] = useState(false);
  if (!moved && place !== first) setMoved(true);
  return (
    <MovedContext value={moved}>
      <Boundary key={place}>
        <Suspense fallback={<Loading />}>
          <Switch>
            {/* A page that the role may not see still has its address: no other page may answer there. */}
            {pageRoutes.map((route) => (
              <Route key={route.path} path={route.path} component={may(role, route.may) ? route.page : NoSuchPage} />
            ))}
            <Route>
              <NoSuchPage />
            </Route>
          </Switch>
        </Suspense>
      </Boundary>
    </MovedContext>
  );
}

function NoSuchPage() {
  return (
    <Page title="No such page">
      <Empty
        icon={<IconMapOff size={32} aria-hidden />}
        title="There is nothing at this address"
        action={
          <Button component={Link} href="/">
            To the overview
          </Button>
        }
      >
        The link may be old, or your role may not see what is here.
      </Empty>
    </Page>
  );
}

/** A page that breaks takes nothing with it: the frame stays, and what is known of the mistake is shown. */
class Boundary extends Component<{ readonly children: ReactNode }, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: undefined };

  static getDerivedStateFromError(error: unknown): { readonly error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children;
    return <Problem error={this.state.error} actions={<Button onClick={() => window.location.reload()}>Load the page again</Button>} />;
  }
}
