import js from '@eslint/js';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

// Areas lean on the shared folders (api, body, keys, parts, text, theme, shell/state) and never on each other.
const areas = [
  'src/mail/list',
  'src/mail/thread',
  'src/mail/body',
  'src/mail/compose',
  'src/mail/search',
  'src/mail/folders',
  'src/sign-in',
  'src/people',
  'src/settings',
  'src/admin',
];
// What an area offers the others on purpose.
const seams = ['src/mail/compose/store', 'src/mail/body/HtmlBody', 'src/mail/body/PlainBody'];

const apart = areas.map((area) => ({
  files: [`${area}/**/*.{ts,tsx}`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: areas
              .filter((other) => other !== area)
              .map((other) => {
                const path = other.replace('src/', '@/');
                const allowed = seams
                  .filter((seam) => seam.startsWith(`${other}/`))
                  .map((seam) => `${seam.slice(other.length + 1)}$`);
                return allowed.length > 0 ? `^${path}/(?!${allowed.join('|')})` : `^${path}(/|$)`;
              })
              .join('|'),
            message: 'Areas do not import each other; move what is shared to a shared folder.',
          },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'test-results', 'public'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked.map((each) => ({ ...each, files: ['**/*.{ts,tsx}'] })),
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { 'react-hooks': reactHooks, 'jsx-a11y': jsxA11y },
    rules: {
      ...reactHooks.configs.recommended.rules,
      ...jsxA11y.flatConfigs.strict.rules,
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false } },
      ],
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-misused-spread': 'off', // code points are what is meant
      '@typescript-eslint/no-dynamic-delete': 'off', // on copies of plain records
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      'no-control-regex': 'off', // hiding control letters is what some of them are for
      'jsx-a11y/no-noninteractive-tabindex': 'off', // scrollable regions take the focus (axe asks for it)
      '@typescript-eslint/only-throw-error': 'off', // the router's redirect() and notFound() are thrown
      'react-hooks/incompatible-library': 'off', // the virtualizer; the compiler is not used
      'max-lines': ['warn', { max: 250, skipBlankLines: true, skipComments: true }],
    },
  },
  ...apart,
  {
    files: ['e2e/**/*.ts', 'budgets/**/*.ts'],
    rules: { 'react-hooks/rules-of-hooks': 'off' }, // Playwright's `use` is another one
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly' } },
  },
);
