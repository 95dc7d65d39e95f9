package pattern

// A cache holds the patterns used of late, in two generations: what was not
// asked for during a whole generation is dropped with it.
const (
	generation = 128
	maxCached  = 256 // bytes of a pattern; longer ones are made anew
)

// Cache compiles each pattern once while it is in use. The zero value is
// ready; it holds at most 256 patterns.
type Cache struct {
	recent, before map[string]*Pattern
}

// Get returns the compiled pattern.
func (c *Cache) Get(src string) *Pattern {
	if p, ok := c.recent[src]; ok {
		return p
	}
	if len(src) > maxCached {
		return Compile(src)
	}
	p, ok := c.before[src]
	if !ok {
		p = Compile(src)
	}
	if c.recent == nil || len(c.recent) >= generation {
		c.before, c.recent = c.recent, make(map[string]*Pattern)
	}
	c.recent[p.src] = p
	return p
}
