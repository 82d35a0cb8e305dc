/**
 * Colours and sizes of the console. The hard thing is contrast: Mantine's dimmed text and some of its filled colours are too pale for
 * WCAG AA (4.5:1), so those are set here, for light and dark apart.
 */
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core';

/** The colour of a harbour at dusk. Its seventh shade stands on white with 6.3:1. */
const harbour: MantineColorsTuple = [
  '#eef5f9',
  '#dbe9f1',
  '#b6d3e3',
  '#8dbad3',
  '#68a4c5',
  '#4a8fb4',
  '#2f7ba3',
  '#1f658a',
  '#175373',
  '#0f4059',
];

export const theme = createTheme({
  primaryColor: 'harbour',
  primaryShade: { light: 7, dark: 7 },
  colors: { harbour },
  autoContrast: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "Segoe UI Mono", "Liberation Mono", Menlo, Consolas, monospace',
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.125rem' },
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.375rem', lineHeight: '1.3' },
      h2: { fontSize: '1.0625rem', lineHeight: '1.35' },
      h3: { fontSize: '0.9375rem', lineHeight: '1.4' },
    },
  },
  components: {
    // Descriptions below: inputs that stand side by side stay in one line.
    InputWrapper: { defaultProps: { inputWrapperOrder: ['label', 'input', 'description', 'error'] } },
    Button: { defaultProps: { size: 'sm' } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250, events: { hover: true, focus: true, touch: true } } },
    Modal: { defaultProps: { centered: true } },
    Table: { defaultProps: { verticalSpacing: 8, horizontalSpacing: 'sm' } },
  },
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': '#525b64',
    '--mantine-color-placeholder': '#68717a',
    '--mantine-color-error': '#b3261e',
    '--mantine-color-anchor': '#1a5878',
    '--mantine-color-green-light-color': '#1a6330',
    '--mantine-color-yellow-light-color': '#7a4a00',
    '--mantine-color-orange-light-color': '#8a3d00',
    '--mantine-color-red-light-color': '#9f1d17',
    '--mantine-color-gray-light-color': '#3d454c',
    '--postern-ground': '#f5f7f9',
    '--postern-panel': '#ffffff',
    '--postern-line': '#dde3e8',
    '--postern-good': '#1c6b33',
    '--postern-warn': '#8a5300',
    '--postern-bad': '#b3261e',
    '--postern-mark': '#fff0b3',
  },
  dark: {
    '--mantine-color-body': '#15191d',
    '--mantine-color-dimmed': '#a9b3bd',
    '--mantine-color-placeholder': '#98a2ac',
    '--mantine-color-error': '#ff9189',
    '--mantine-color-anchor': '#8dbad3',
    '--mantine-color-green-light-color': '#b8efc6',
    '--mantine-color-yellow-light-color': '#ffe2a8',
    '--mantine-color-orange-light-color': '#ffd9bd',
    '--mantine-color-red-light-color': '#ffd0cc',
    '--mantine-color-gray-light-color': '#e2e7eb',
    '--mantine-color-harbour-light': '#1a3747',
    '--mantine-color-harbour-light-color': '#d6e9f3',
    '--postern-ground': '#15191d',
    '--postern-panel': '#1d2328',
    '--postern-line': '#333c44',
    '--postern-good': '#7bd492',
    '--postern-warn': '#f0b95c',
    '--postern-bad': '#ff9189',
    '--postern-mark': '#5c4a00',
  },
});
