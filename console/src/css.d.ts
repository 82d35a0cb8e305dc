/** Styles are files for the bundler, and nothing to the compiler. */
declare module '*.css' {
  const classes: Readonly<Record<string, string>>;
  export default classes;
}
