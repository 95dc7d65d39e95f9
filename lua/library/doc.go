// Package library holds our versions of Lua's standard library: they mean what
// the manual of Lua 5.1 says, and besides are bounded. Nothing in it runs on
// after the script was interrupted, makes a value beyond a stated size, or
// takes a wrong argument for a right one.
//
// It must not reach files, processes or the network on its own, or know what
// scripts are about.
package library
