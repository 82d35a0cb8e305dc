/** The mark of the product with its name. */
import { Group, Text } from '@mantine/core';

export function Mark() {
  return (
    <Group gap={10} wrap="nowrap">
      <img src="/postern.svg" alt="" width={28} height={28} />
      <Text fw={700} size="lg" component="span">
        Postern
      </Text>
    </Group>
  );
}
