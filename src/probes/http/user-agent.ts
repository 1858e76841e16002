/** What a request says it comes from where the settings do not say it. */
export const USER_AGENT = 'Tocsin';
