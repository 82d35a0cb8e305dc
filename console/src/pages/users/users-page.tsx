/** Who may log in, and as what. */
import { ActionIcon, Button, Group, Menu, Modal, NativeSelect, PasswordInput, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconBan, IconCheck, IconDots, IconLock, IconPlus } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Role, User, UserList } from '../../../../src/service/api.ts';
import { ApiError } from '../../api.ts';
import { ConfirmModal } from '../../parts/confirm.tsx';
import { Problem } from '../../parts/fault.tsx';
import { dayText, TimeAgo, useNow } from '../../parts/figures.tsx';
import { Loaded, Page } from '../../parts/page.tsx';
import { Scroller } from '../../parts/scroller.tsx';
import { StateBadge } from '../../parts/state-badge.tsx';
import { useApi, useRead, useSession } from '../../session.tsx';
import { roleMeans, roles } from './roles.ts';

const shortest = 12;

export function UsersPage() {
  const users = useRead<UserList>('/users');
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <Page
      title="Users"
      subtitle="People who log in here. Programs get an API token instead."
      actions={
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={open}>
          Add user
        </Button>
      }
    >
      <Loaded query={users}>{(data) => <UserTable users={data.users} />}</Loaded>
      <dl className="role-list">
        {roles.map((role) => (
          <div key={role}>
            <dt>{role}</dt>
            <dd>{roleMeans[role]}</dd>
          </div>
        ))}
      </dl>
      <Modal opened={opened} onClose={close} title="Add a user" closeButtonProps={{ 'aria-label': 'Close' }}>
        <NewUserForm onDone={close} />
      </Modal>
    </Page>
  );
}

function UserTable({ users }: { readonly users: readonly User[] }) {
  return (
    <Scroller name="Users" panel>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>Role</Table.Th>
            <Table.Th>State</Table.Th>
            <Table.Th>Last login</Table.Th>
            <Table.Th>Made</Table.Th>
            <Table.Th>
              <span className="visually-hidden">Actions</span>
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {users.map((user) => (
            <Table.Tr key={user.name}>
              <Table.Td fw={600}>{user.name}</Table.Td>
              <Table.Td>{user.role}</Table.Td>
              <Table.Td>
                <UserState user={user} />
              </Table.Td>
              <Table.Td>
                <TimeAgo at={user.lastLogin} />
              </Table.Td>
              <Table.Td>{dayText(user.created)}</Table.Td>
              <Table.Td className="right">
                <UserMenu user={user} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scroller>
  );
}

function UserState({ user }: { readonly user: User }) {
  const now = useNow();
  if (user.disabled) return <StateBadge color="gray" icon={IconBan} word="disabled" />;
  if (user.lockedUntil !== null && Date.parse(user.lockedUntil) > now) {
    return <StateBadge color="yellow" icon={IconLock} word="locked" title="Too many wrong passwords; it opens again by itself." />;
  }
  return <StateBadge color="green" icon={IconCheck} word="may log in" />;
}

/** Changes the user as it stood there when the dialog was opened, and no other. */
function useUserChange(): (user: User, change: { role?: Role; disabled?: boolean; password?: string }) => Promise<void> {
  const api = useApi();
  const queries = useQueryClient();
  return async ({ name, role, disabled }, change) => {
    try {
      await api.patch(`/users/${encodeURIComponent(name)}`, { ...change, seen: { role, disabled } });
    } finally {
      await queries.invalidateQueries({ queryKey: ['/users'] });
    }
  };
}

type Asked = 'role' | 'password' | 'disabled' | 'remove';

function UserMenu({ user }: { readonly user: User }) {
  const api = useApi();
  const queries = useQueryClient();
  const session = useSession();
  const change = useUserChange();
  const [asked, setAsked] = useState<Asked>();
  const [seen, setSeen] = useState(user);
  const [role, setRole] = useState<Role>(user.role);
  const [password, setPassword] = useState('');
  const close = () => {
    setAsked(undefined);
    setPassword('');
  };
  const ask = (what: Asked) => () => {
    setSeen(user);
    setRole(user.role);
    setAsked(what);
  };
  const self = user.name === session.user;
  async function remove(): Promise<void> {
    await api.del(`/users/${encodeURIComponent(user.name)}`);
    await queries.invalidateQueries({ queryKey: ['/users'] });
  }
  return (
    <>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`Change ${user.name}`}>
            <IconDots size={18} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={ask('role')}>Change the role</Menu.Item>
          <Menu.Item onClick={ask('password')}>Set a new password</Menu.Item>
          <Menu.Item disabled={self} onClick={ask('disabled')}>
            {user.disabled ? 'Let log in again' : 'Disable'}
          </Menu.Item>
          <Menu.Item disabled={self} onClick={ask('remove')}>
            Remove
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ConfirmModal
        opened={asked === 'role'}
        onClose={close}
        title={`Role of ${user.name}`}
        verb="Change the role"
        onConfirm={() => change(seen, { role })}
      >
        <RoleSelect role={role} onChange={setRole} />
      </ConfirmModal>
      <ConfirmModal
        opened={asked === 'password'}
        onClose={close}
        title={`New password of ${user.name}`}
        verb="Set the password"
        onConfirm={() => change(seen, { password })}
      >
        <NewPasswordInput value={password} onChange={setPassword} />
        <Text size="sm" c="dimmed" mt="xs">
          Their sessions end. They are asked to choose another one when they log in.
        </Text>
      </ConfirmModal>
      <ConfirmModal
        opened={asked === 'disabled'}
        onClose={close}
        title={seen.disabled ? `Let ${user.name} log in again?` : `Disable ${user.name}?`}
        verb={seen.disabled ? 'Let log in again' : 'Disable'}
        danger={!seen.disabled}
        onConfirm={() => change(seen, { disabled: !seen.disabled })}
      >
        {seen.disabled
          ? 'With the same role and password as before.'
          : 'Their sessions end now, and they cannot log in until they are let in again.'}
      </ConfirmModal>
      <ConfirmModal
        opened={asked === 'remove'}
        onClose={close}
        title={`Remove ${user.name}?`}
        verb="Remove the user"
        danger
        onConfirm={remove}
      >
        Their sessions end. What they did stays in the access log.
      </ConfirmModal>
    </>
  );
}

function RoleSelect({ role, onChange }: { readonly role: Role; readonly onChange: (role: Role) => void }): ReactNode {
  return (
    <NativeSelect
      label="Role"
      description={roleMeans[role]}
      data={[...roles]}
      value={role}
      onChange={(event) => onChange(roles.find((one) => one === event.currentTarget.value) ?? 'auditor')}
    />
  );
}

function NewPasswordInput({
  value,
  onChange,
  error,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly error?: string;
}) {
  const short = value !== '' && value.length < shortest ? `${shortest - value.length} more characters` : undefined;
  return (
    <PasswordInput
      label="Password"
      description={`At least ${shortest} characters.`}
      required
      autoComplete="new-password"
      maxLength={200}
      value={value}
      error={error ?? short}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

function NewUserForm({ onDone }: { readonly onDone: () => void }) {
  const api = useApi();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('operator');
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const said = (field: string) => (error instanceof ApiError ? error.fields.find((one) => one.field === field)?.says : undefined);
  async function make(): Promise<void> {
    setBusy(true);
    setError(undefined);
    try {
      await api.post('/users', { name: name.trim(), role, password });
      await queries.invalidateQueries({ queryKey: ['/users'] });
      onDone();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <Stack>
        <TextInput
          label="User name"
          description="Small letters, digits and . _ @ -"
          required
          data-autofocus
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={64}
          value={name}
          error={
            said('name') ??
            (name !== '' && !/^[a-z0-9][a-z0-9._@-]{0,63}$/.test(name.trim()) ? 'Small letters, digits and . _ @ - only.' : undefined)
          }
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <RoleSelect role={role} onChange={setRole} />
        <NewPasswordInput
          value={password}
          onChange={setPassword}
          {...(said('password') === undefined ? {} : { error: said('password') ?? '' })}
        />
        {error !== undefined && <Problem error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={busy} disabled={name.trim() === '' || password.length < shortest}>
            Add the user
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
