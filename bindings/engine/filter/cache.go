package filter

import "sync"

// How many filters are kept, and of texts how long. A script asks with few
// texts again and again; one that makes its texts up is not to fill the memory.
const (
	maxPrograms    = 512
	maxProgramText = 4 << 10
)

// programs are the filters that were compiled lately.
var programs cache

// cache keeps filters by their text and what its words mean. When it is full
// it is dropped whole, which costs less than to know what was used last.
type cache struct {
	mu   sync.RWMutex
	list map[program]Filter
}

type program struct {
	text string
	env  *Env
}

// get returns the filter of a text. One with parameters is never kept.
func (c *cache) get(text string, params Params, env *Env) (Filter, bool) {
	if len(params) > 0 || len(text) > maxProgramText {
		return Filter{}, false
	}
	c.mu.RLock()
	f, ok := c.list[program{text, env}]
	c.mu.RUnlock()
	return f, ok
}

// put keeps a filter.
func (c *cache) put(text string, params Params, env *Env, f Filter) {
	if len(params) > 0 || len(text) > maxProgramText {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil || len(c.list) >= maxPrograms {
		c.list = make(map[program]Filter)
	}
	c.list[program{text, env}] = f
}
