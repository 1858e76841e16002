/** The `User-Agent` of a request, unless the settings name one. */
export const USER_AGENT = 'Tocsin';
