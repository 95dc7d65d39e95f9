package vm

import (
	"runtime"
	"sync"
	"time"
	"weak"

	lua "github.com/yuin/gopher-lua"

	"github.com/ctsh/ctsh/lua/luaerr"
)

// maxCoroutines is how many coroutines may be neither dead nor forgotten. Each
// takes 8 KB or more.
const maxCoroutines = 5000

// coroutines counts those that could still be resumed, without keeping them.
// Those that nobody refers to any more go when Go collects them. It refers to
// nothing of its state, which would be kept by its own coroutines otherwise.
type coroutines struct {
	mu    sync.Mutex
	alive map[weak.Pointer[lua.LState]]bool // whether it has begun
}

func newCoroutines() *coroutines {
	return &coroutines{alive: map[weak.Pointer[lua.LState]]bool{}}
}

// room returns an error where there are too many coroutines for another one.
func (c *coroutines) room() error {
	if c.count() < maxCoroutines || c.collect() < maxCoroutines {
		return nil
	}
	return luaerr.New(luaerr.ESCRIPT, "", "more than %d coroutines that have not ended", maxCoroutines)
}

func (c *coroutines) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.alive)
}

// collect has Go find the coroutines that nobody refers to, and returns how
// many are left.
func (c *coroutines) collect() int {
	runtime.GC()
	for range 50 { // they are taken out a moment later
		if c.count() < maxCoroutines {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return c.count()
}

// add counts a new coroutine.
func (c *coroutines) add(th *lua.LState) {
	key := weak.Make(th)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alive[key] = false
	runtime.AddCleanup(th, c.remove, key)
}

// begin notes that a coroutine begins. It is false for one that has begun
// before.
func (c *coroutines) begin(th *lua.LState) bool {
	key := weak.Make(th)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.alive[key] {
		return false
	}
	c.alive[key] = true
	return true
}

// died takes out a coroutine that has ended.
func (c *coroutines) died(th *lua.LState) { c.remove(weak.Make(th)) }

func (c *coroutines) remove(key weak.Pointer[lua.LState]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.alive, key)
}
