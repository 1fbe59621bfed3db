// In place of react-style-singleton, which writes style sheets into the page: its policy lets none in, and the page does
// not scroll, which is all that they are for.
const Nothing = () => null;
export const styleSingleton = () => Nothing;
export const styleHookSingleton = () => Nothing;
export const stylesheetSingleton = () => ({ add: Nothing, remove: Nothing });
