export default {
  // "use client" is for Next.js.
  build: { rollupOptions: { onwarn: (warning, show) => warning.code === "MODULE_LEVEL_DIRECTIVE" || show(warning) } },
};
