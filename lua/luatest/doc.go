// Package luatest runs the examples of declarations as tests.
//
// An example is a transcript of the prompt:
//
//	ct> t = {2, 1}
//	ct> table.sort(t)
//	..> print(t[1])
//	1
//	ct> "at " .. os.time()
//	at ...
//
// A line that begins with "ct> " is input, lines that begin with "..> " go on
// with it, and what stands behind them is what must come out: first what was
// printed, then the values, or the first line of an error. A line "..." stands
// for any number of lines, and "..." inside a line for any text. Spaces at the
// end of a line do not count.
//
// [Examples] takes transcripts out of declarations, [Files] reads them from
// files.
//
// It must not be imported by anything but tests, and must not know what the
// examples are about: the state they run in comes from outside.
package luatest
