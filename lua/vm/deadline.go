package vm

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/unit"
)

// timeout is timeout(limit, function, ...).
func (v *VM) timeout(c *registry.Call) int {
	limit := seconds(c.Number(1))
	reason := luaerr.New(luaerr.ETIMEDOUT, "timeout", "timeout: not done within %s", unit.FormatDuration(limit.Seconds()))
	ctx, cancel := context.WithTimeoutCause(v.Context(), limit, reason)
	defer cancel()
	defer v.under(ctx)()
	results, failed, err := v.attempt(c.Func(2), lua.MultRet, rest(c, 3))
	c.Raise(err)
	if failed != nil {
		c.L.Error(v.caught(c.L, failed), 0)
	}
	return c.Return(results...)
}

// under makes ctx that of the evaluation, until the returned function is
// called.
func (v *VM) under(ctx context.Context) (restore func()) {
	before := v.now.ctx
	v.now.ctx = ctx
	return func() { v.now.ctx = before }
}
