// Package syntax stands between the parser and the compiler of gopher-lua. It
// changes the syntax tree where the compiler would translate it into something
// else than it says, and refuses what it cannot change.
//
// What gopher-lua 1.1.2 gets wrong without a word, and is repaired:
//
//   - a, b = b, a: local variables are assigned to one by one, before the other
//     values are worked out; and values that are variables are miscounted;
//   - a = (b or c) and a, and a = (f(a)) for the last parameter: the variable
//     holds the parts of the expression while it is worked out;
//   - local f = function() return f() end: f inside is the new variable;
//   - break out of a block inside of the loop: captured variables of the block
//     stay in a register that others use next;
//   - goto: captured variables that stay in scope lose their functions;
//   - for x in f, and for x in next, t(): the state and the control value are
//     what was in their registers before;
//   - loops and labels that begin with a jump, such as that of "if false": the
//     jump back goes anywhere;
//   - {1, x = f()}: the values of f, and more, become items; and a named field,
//     a call or "..." behind a full 50 items overwrites the first of them;
//   - 0010 is octal; 0xffffffffffffffff, 1e309 and 1e are NaN;
//   - a .. b: no bound on the result, and numbers in a form of their own. It
//     becomes a call of a function that the caller brings.
//
// What is refused, because the numbers in an instruction have too few bits:
// tables with more than 25 550 items, functions that use more than 255
// variables of others or have more than 65 536 instructions. Besides what would
// keep the compiler busy or nest too deep: long chains, thousands of labels,
// some ten thousand different constants in one function.
//
// What differs from Lua 5.1 otherwise: goto and labels, where break may only
// end a block, as there; goto is a keyword. ";" may stand alone, an expression
// in brackets that is a call may be a statement, a call may continue on the
// next line behind a name, [[ may stand inside of [[ ]]. "--[=x" begins no
// comment. Hexadecimal numbers have no point or exponent. A numeric for takes
// no strings. x % y is exact, and x % (1/0) is x for x > 0. A function may use
// more than 60 variables of others.
//
// The package must not run anything, or know where a text comes from.
package syntax
