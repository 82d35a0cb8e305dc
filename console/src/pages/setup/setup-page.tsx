/**
 * What has to be set up in a tenant, as a page: each step with what it does, why, and how it is undone; and the script that an
 * administrator reads and runs. Nothing is changed from here.
 */
import { Button, Code, Group, NativeSelect, Stack, Text, Title } from '@mantine/core';
import { IconListCheck, IconTool } from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import type { AccessList, PlanSignIn, SetupPlan } from '../../../../src/service/api.ts';
import { Command, CopyButton } from '../../parts/copy-button.tsx';
import { Empty } from '../../parts/empty.tsx';
import { FaultNote, Worded } from '../../parts/fault.tsx';
import { countOf } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { useMay, useRead } from '../../session.tsx';
import { ByHand } from './by-hand.tsx';
import { SignIn } from './sign-in.tsx';

export function SetupPage() {
  const { tenant: asked } = useParams();
  const [, go] = useLocation();
  const list = useRead<AccessList>('/access');
  return (
    <Page title="Setup" subtitle="What Microsoft 365 needs so that Postern is let in, and nothing more.">
      <Loaded query={list}>
        {({ tenants }) => {
          const chosen = asked === undefined ? tenants[0]?.tenant : decodeURIComponent(asked);
          if (chosen === undefined) return <ByHand />;
          return (
            <Stack>
              {tenants.length > 1 && (
                <NativeSelect
                  label="Tenant"
                  maw={420}
                  data={tenants.map(({ tenant, sources, origin }) => ({
                    value: tenant,
                    label: origin === 'file' ? tenant : `app of ${sources.join(', ')}`,
                  }))}
                  value={chosen}
                  onChange={(event) => go(`/setup/${encodeURIComponent(event.currentTarget.value)}`)}
                />
              )}
              <Tenant key={chosen} tenant={chosen} />
            </Stack>
          );
        }}
      </Loaded>
    </Page>
  );
}

function Tenant({ tenant }: { readonly tenant: string }) {
  const plan = useRead<SetupPlan>(`/setup/${encodeURIComponent(tenant)}/plan`);
  const mayLook = useMay('administer');
  const [looked, setLooked] = useState<PlanSignIn>();
  return (
    <Loaded query={plan}>
      {(data) => (
        <Stack>
          {mayLook && <SignIn tenant={tenant} onChange={setLooked} />}
          <Plan plan={looked?.plan ?? data} />
        </Stack>
      )}
    </Loaded>
  );
}

function Plan({ plan }: { readonly plan: SetupPlan }) {
  if (plan.problem !== null && plan.steps.length === 0) return <FaultNote fault={plan.problem} level="warning" />;
  return (
    <Stack>
      <div className="halves">
        <Stack component="section" aria-labelledby="setup-steps" gap="sm">
          <Group gap="sm">
            <Title order={2} id="setup-steps">
              {plan.steps.length === 0 ? 'Nothing is left to do' : countOf(plan.steps.length, 'step')}
            </Title>
            {plan.observed ? (
              <StateBadge color="green" icon={IconListCheck} word="compared with the tenant" />
            ) : (
              <StateBadge color="gray" icon={IconTool} word="as in an empty tenant" title="Nobody has signed in to look at the tenant." />
            )}
          </Group>
          {plan.problem !== null && <FaultNote fault={plan.problem} level="warning" />}
          {plan.steps.length === 0 && (
            <Empty
              title="The tenant is as it should be"
              action={
                <Button component={Link} href="/sources">
                  To the sources
                </Button>
              }
            >
              The test of a source proves that every link holds.
            </Empty>
          )}
          <ol className="plan">
            {plan.steps.map((step, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place in the plan
              <li key={index} className="panel plan-step">
                <span className="first-number" aria-hidden>
                  {index + 1}
                </span>
                <div>
                  <Title order={3}>
                    <Worded text={capital(step.title)} />
                  </Title>
                  <Text c="dimmed" size="sm">
                    <Worded text={step.why} />
                  </Text>
                  {step.details.length > 0 && (
                    <dl className="seen">
                      {step.details.map(({ name, value }) => (
                        <div key={`${name} ${value}`}>
                          <dt>{name}</dt>
                          <dd className="mono">{value}</dd>
                        </div>
                      ))}
                    </dl>
                  )}
                  <Text size="xs" c="dimmed" mt={4}>
                    {step.where === 'exchange' ? 'Exchange Online' : 'Microsoft Entra'}
                    {step.role !== null && <> · by a {step.role}</>}
                    {step.undo !== null && (
                      <>
                        {' '}
                        · undone by: <Worded text={step.undo} />
                      </>
                    )}
                  </Text>
                </div>
              </li>
            ))}
          </ol>
        </Stack>
        <Stack>
          {plan.reach.length > 0 && (
            <section className="panel block" aria-labelledby="setup-reach">
              <Title order={2} id="setup-reach" mb={4}>
                What the app can reach then
              </Title>
              <ul className="plain-list">
                {plan.reach.map((line) => (
                  <li key={line}>
                    <Worded text={line} />
                  </li>
                ))}
              </ul>
            </section>
          )}
          {plan.remarks.length > 0 && (
            <section className="panel block" aria-labelledby="setup-remarks">
              <Title order={2} id="setup-remarks" mb={4}>
                To know
              </Title>
              <ul className="plain-list">
                {plan.remarks.map((line) => (
                  <li key={line}>
                    <Worded text={line} />
                  </li>
                ))}
              </ul>
            </section>
          )}
        </Stack>
      </div>
      {plan.script !== '' && (
        <section className="panel block" aria-labelledby="setup-script">
          <Group justify="space-between" mb="xs">
            <Title order={2} id="setup-script">
              As a PowerShell script
            </Title>
            <CopyButton value={plan.script} what="the script" wide />
          </Group>
          <Text size="sm" c="dimmed" mb="xs">
            For an administrator to read and run. It can be run again: what is done already is left as it is.
          </Text>
          <Code block tabIndex={0} className="definition script" aria-label="PowerShell script">
            {plan.script}
          </Code>
        </section>
      )}
      {plan.commands.length > 0 && (
        <section className="panel block" aria-labelledby="setup-commands">
          <Title order={2} id="setup-commands" mb="xs">
            By the command line
          </Title>
          <Stack gap="sm">
            {plan.commands.map(({ title, command }) => (
              <div key={command}>
                <Text size="sm" mb={2}>
                  {title}
                </Text>
                <Command text={command} />
              </div>
            ))}
          </Stack>
        </section>
      )}
    </Stack>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
