package group

import "strings"

// texts gives every text a number, so that a key has a fixed size.
type texts struct {
	ids  map[string]uint32
	list []string
	// Most texts of rows are few words, such as protocols and states, that come
	// as the same string again and again: comparing one with itself is cheaper
	// than a map.
	recent [16]recentText
}

type recentText struct {
	text string
	id   uint32
	set  bool
}

func newTexts() *texts { return &texts{ids: map[string]uint32{}} }

// id returns the number of a text.
func (x *texts) id(s string) uint32 {
	n := len(s)
	at := n
	if n > 0 {
		at += int(s[0]) + 5*int(s[n-1])
	}
	c := &x.recent[at%len(x.recent)]
	if c.set && c.text == s {
		return c.id
	}
	id, ok := x.ids[s]
	if !ok {
		// The copy does not hold on to the longer text that s may be part of.
		id = x.keep(strings.Clone(s))
	}
	*c = recentText{x.list[id], id, true}
	return id
}

// keep returns the number of a text that lasts.
func (x *texts) keep(s string) uint32 {
	id, ok := x.ids[s]
	if !ok {
		id = uint32(len(x.list))
		x.list = append(x.list, s)
		x.ids[s] = id
	}
	return id
}
