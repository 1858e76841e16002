/** Sources of packages: one entry of APT's lists. `@typedef {{types, uris, suites, components, options}} Source` */

/** Reads the one-line format of sources.list(5): `deb [signed-by=…] URI SUITE COMPONENT…`. */
export function parseOneLine(text) {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(deb(?:-src)?)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match === null) return [];
    const [, type, options = '', uri, suite, components] = match;
    return [
      {
        types: [type],
        uris: [uri],
        suites: [suite],
        components: words(components),
        options: oneLineOptions(options),
      },
    ];
  });
}

/** Reads the deb822 format: stanzas of `Field: value`, continued by lines that begin with white space. */
export function parseDeb822(text) {
  return text
    .split(/\n\s*\n/)
    .map(stanza)
    .filter((fields) => fields.Types !== undefined && fields.Enabled?.toLowerCase() !== 'no')
    .map(({ Types, URIs, Suites, Components, ...options }) => ({
      types: words(Types),
      uris: words(URIs),
      suites: words(Suites),
      components: words(Components),
      options,
    }));
}

/**
 * The sources that can serve another suite of the same archive: those of the machine's own release, with `main`.
 * @param codename of the machine's release, such as `bookworm`
 */
export function archiveSources(sources, codename) {
  const own = sources.filter(
    ({ types, suites, components }) =>
      types.includes('deb') && suites.includes(codename) && components.includes('main'),
  );
  const isDebian = ({ uris, options }) =>
    /debian/.test(options['Signed-By'] ?? '') || uris.some((uri) => /\/debian\/?$/.test(uri));
  return [...own.filter(isDebian), ...own.filter((source) => !isDebian(source))];
}

/** A source as deb822 text, for one suite. */
export function sourceText({ uris, options }, suite) {
  const { 'Signed-By': signedBy, Architectures, Trusted } = options;
  const kept = Object.entries({ 'Signed-By': signedBy, Architectures, Trusted }).filter(
    ([, value]) => value !== undefined,
  );
  const fields = [
    ['Types', 'deb'],
    ['URIs', uris.join(' ')],
    ['Suites', suite],
    ['Components', 'main'],
    ...kept,
  ];
  return `${fields.map(([name, value]) => `${name}: ${value}`).join('\n')}\n`;
}

function stanza(text) {
  const fields = {};
  let last;
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const [, name, value] = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      last = Object.keys(NAMES).includes(name.toLowerCase()) ? NAMES[name.toLowerCase()] : name;
      fields[last] = value.trimEnd();
    } else if (last !== undefined && /^\s+\S/.test(line)) {
      fields[last] += `\n${line.trimEnd()}`;
    }
  }
  return fields;
}

/** The names of fields are case-insensitive. */
const NAMES = {
  types: 'Types',
  uris: 'URIs',
  suites: 'Suites',
  components: 'Components',
  enabled: 'Enabled',
  'signed-by': 'Signed-By',
  architectures: 'Architectures',
  trusted: 'Trusted',
};

function oneLineOptions(text) {
  const known = { 'signed-by': 'Signed-By', arch: 'Architectures', trusted: 'Trusted' };
  return Object.fromEntries(
    words(text).flatMap((word) => {
      const [name, value] = word.split('=', 2);
      const field = known[name.toLowerCase()];
      return field === undefined || value === undefined ? [] : [[field, value.replaceAll(',', ' ')]];
    }),
  );
}

function words(text = '') {
  return text.split(/\s+/).filter((word) => word !== '');
}
