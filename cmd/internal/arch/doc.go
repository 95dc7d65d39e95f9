// Package arch holds no code, only tests of the shape of the whole module:
// which room may import which, what may stand at the root, that every package
// documents itself and that no file grows beyond reading.
//
//	cmd/ctsh -> cmd/internal/cli -> repl -> lua/* <- bindings/lualib -> bindings/engine -> bindings/kernel
//
// Arrows are imports and nothing points up. .golangci.yaml states the same
// rules for editors; this package is the authority, because it runs with the
// tests and needs nothing but the go command.
//
// It must not be imported.
package arch
