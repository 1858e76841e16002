import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import importX, { createNodeResolver } from 'eslint-plugin-import-x';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const NODE_GLOBALS = [
  'AbortController',
  'AbortSignal',
  'Buffer',
  'URL',
  'clearInterval',
  'clearTimeout',
  'console',
  'fetch',
  'performance',
  'process',
  'setInterval',
  'setTimeout',
];

// How long things may be, comments and blank lines included; test/architecture.test.ts holds the same for src.
const BUDGETS = {
  'max-lines': ['error', { max: 300 }],
  'max-lines-per-function': ['error', { max: 60 }],
  'max-params': ['error', 4],
};

export default defineConfig(
  { ignores: ['dist/', 'node_modules/', '.cache/', 'data/', 'coverage/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  { rules: { ...BUDGETS, eqeqeq: ['error', 'always'], 'no-console': 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js', '.mjs'] })],
    },
    rules: {
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-default-export': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['src/http/**'],
    rules: {
      // Express's Request is an IncomingMessage by its prototype, where the rule does not look
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    // A test reads from top to bottom; splitting it to be short would hide what belongs together.
    files: ['test/**'],
    rules: { 'max-lines': ['error', { max: 500 }], 'max-lines-per-function': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // expect(object.method) is how jest asserts on calls
      '@typescript-eslint/unbound-method': 'off',
      // how long a test takes is the machine's pace; testTimeout of jest.config.mjs is for what hangs
      'no-restricted-syntax': [
        'error',
        ...[
          'callee.name=/^(it|beforeAll|beforeEach|afterAll|afterEach)$/',
          'callee.callee.property.name="each"',
        ].map((callee) => ({
          selector: `CallExpression[${callee}] > Literal[raw=/^[0-9]/]`,
          message: 'A test has no time limit of its own.',
        })),
      ],
    },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])) },
  },
  {
    // Programs of the command line: their output is what they are for.
    files: ['scripts/**/*.mjs', 'bench/**/*.mjs', 'test/prove/run.mjs'],
    rules: { 'no-console': 'off' },
  },
  prettier,
);
