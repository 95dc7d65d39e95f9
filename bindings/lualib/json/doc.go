// Package json is the Lua module json: text from values and values from text,
// both strict and deterministic.
//
// What Lua and JSON do not share is decided once: keys are written in order; a
// list is an array and any other table an object, the empty one too unless
// json.array marked it; null is nil, except inside an array; a whole number
// beyond 2^53 that is written in full stays text, because a Lua number cannot
// hold it; bytes that are no UTF-8, duplicate keys, NaN, infinities, gaps in
// lists and tables that hold themselves are errors that say where. Characters
// that could steer a terminal are written as escapes.
//
// An object of ctsh is written as its Go value says (encoding/json.Marshaler),
// or as the text that it prints as.
//
// It must not read files or know what is in the text.
package json
