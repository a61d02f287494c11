exports.closing = (hours) => hours.closes;
