// Accepts every request and answers none.
process.on('message', () => undefined);
process.on('disconnect', () => process.exit());
