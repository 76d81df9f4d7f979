// The colours are CSS variables of static/src/app.css: the same names mean
// the dark ones where a reader's system is dark.
const colour = (name) => `rgb(var(--${name}) / <alpha-value>)`;

/** @type {import('tailwindcss').Config} */
module.exports = {
  content: ['./views/**/*.{templ,go}'],
  darkMode: 'media',
  theme: {
    colors: {
      transparent: 'transparent',
      current: 'currentColor',
      paper: colour('paper'), // the page
      surface: colour('surface'), // a panel on it
      ink: colour('ink'), // text
      muted: colour('muted'), // lesser text
      field: colour('field'), // inside of an input
      line: colour('line'), // hairlines that only please the eye
      edge: colour('edge'), // borders that say where a control is
      accent: colour('accent'), // links, the primary button
      onaccent: colour('onaccent'), // text on accent
      good: colour('good'),
      goodwash: colour('goodwash'),
      warn: colour('warn'),
      warnwash: colour('warnwash'),
      bad: colour('bad'),
      badwash: colour('badwash'),
      onbad: colour('onbad'), // text on bad
    },
    fontFamily: {
      serif: ['"Iowan Old Style"', '"Palatino Linotype"', 'Palatino', 'Charter', 'Georgia', '"Noto Serif"', 'serif'],
      sans: ['-apple-system', 'BlinkMacSystemFont', '"Segoe UI"', 'Roboto', '"Noto Sans"', '"Liberation Sans"', 'system-ui', 'sans-serif'],
      mono: ['ui-monospace', 'SFMono-Regular', 'Menlo', 'Consolas', '"DejaVu Sans Mono"', 'monospace'],
    },
    // 13 15 17 21 28 38, in rem so that a reader's own size is obeyed.
    fontSize: {
      xs: ['0.8125rem', '1.25rem'],
      sm: ['0.9375rem', '1.375rem'],
      base: ['1.0625rem', '1.625rem'],
      lg: ['1.3125rem', '1.75rem'],
      xl: ['1.75rem', '2.125rem'],
      '2xl': ['2.375rem', '2.75rem'],
    },
    borderRadius: { none: '0', DEFAULT: '6px', full: '9999px' },
    boxShadow: { none: 'none', DEFAULT: '0 1px 2px rgb(var(--shadow) / 0.12)' },
    screens: { sm: '640px', md: '800px', lg: '1024px', xl: '1280px' },
    extend: {
      maxWidth: { page: '72rem', text: '62ch', form: '34rem' },
      minHeight: { touch: '44px' },
      minWidth: { touch: '44px' },
    },
  },
  plugins: [],
};
