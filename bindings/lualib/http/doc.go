// Package http is the global http of scripts: asking a web server and telling
// it something, with what a script that nobody watches needs. A request has a
// time limit that covers all of its attempts, an answer has a size limit, what
// failed for a moment is tried again, and other tasks go on meanwhile.
//
// The package must not keep a connection behind the end of its script, must not
// follow a server to another scheme, and must not know what is asked for.
package http
