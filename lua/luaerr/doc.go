// Package luaerr is the one error shape that scripts, the prompt and the command line share.
//
// An [Error] has a code, the operation that failed, a message, a hint and the
// script position it belongs to. Go sees an ordinary error (errors.Is against a
// [Code], errors.As against *Error); Lua sees a userdata with the fields code,
// op, msg, hint and where, which prints as one readable line. [ExitCode] maps
// any error to the exit code of the process.
//
// [Exit] is the orderly end a script asks for with exit(n). It travels as an
// error, and no pcall may swallow it.
//
// The package must not know what an operation means: explaining a kernel errno
// is the business of whoever called the kernel. It must not print anything.
package luaerr
