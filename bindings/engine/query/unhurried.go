package query

import "context"

type unhurriedKey struct{}

// Unhurried returns a context whose queries read no flow before it is asked for,
// but for those that the kernel tells along with it: for who must know how old
// what it sees is.
func Unhurried(ctx context.Context) context.Context {
	return context.WithValue(ctx, unhurriedKey{}, true)
}

func unhurried(ctx context.Context) bool { return ctx.Value(unhurriedKey{}) != nil }
