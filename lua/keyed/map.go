package keyed

import "time"

// Map holds up to a number of keys. The one that was set the longest ago makes
// room for a new one, or goes when its time is up. Reading a key does not
// renew it. The zero Map is not usable; see [New].
type Map[K comparable, V any] struct {
	limit int
	ttl   time.Duration // 0 is for ever
	now   func() time.Time
	byKey map[K]*entry[K, V]
	root  entry[K, V] // of a ring: root.next was set last, root.prev first
	spare *entry[K, V]

	evicted, expired uint64
}

type entry[K comparable, V any] struct {
	key        K
	value      V
	set        time.Time
	prev, next *entry[K, V]
}

// New returns a map of at most limit keys that live for ttl after they were
// last set, for ever if it is 0. now is the clock.
func New[K comparable, V any](limit int, ttl time.Duration, now func() time.Time) *Map[K, V] {
	m := &Map[K, V]{limit: limit, ttl: ttl, now: now, byKey: map[K]*entry[K, V]{}}
	m.root.prev, m.root.next = &m.root, &m.root
	return m
}

// Len is the number of live keys.
func (m *Map[K, V]) Len() int { m.expire(); return len(m.byKey) }

// Evicted is how many live keys had to make room, Expired how many went
// because their time was up.
func (m *Map[K, V]) Evicted() uint64 { return m.evicted }

// Expired is how many keys went because their time was up.
func (m *Map[K, V]) Expired() uint64 { m.expire(); return m.expired }

// Get returns the value of a key.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	m.expire()
	if e := m.byKey[k]; e != nil {
		return e.value, true
	}
	return v, false
}

// Set gives a key a value, and renews it.
func (m *Map[K, V]) Set(k K, v V) {
	m.expire()
	e := m.byKey[k]
	switch {
	case e != nil:
		e.unlink()
	case len(m.byKey) == m.limit:
		m.evicted++
		m.drop(m.root.prev)
		fallthrough
	default:
		e = m.fresh()
		e.key = k
		m.byKey[k] = e
	}
	e.value = v
	if m.ttl > 0 {
		e.set = m.now()
	}
	e.prev, e.next = &m.root, m.root.next
	e.prev.next, e.next.prev = e, e
}

// Delete takes a key out and returns the value it had.
func (m *Map[K, V]) Delete(k K) (v V, ok bool) {
	m.expire()
	e := m.byKey[k]
	if e == nil {
		return v, false
	}
	v = e.value
	m.drop(e)
	return v, true
}

// Clear takes every key out.
func (m *Map[K, V]) Clear() {
	clear(m.byKey)
	m.root.prev, m.root.next, m.spare = &m.root, &m.root, nil
}

// Keys lists the keys, the one set last first.
func (m *Map[K, V]) Keys() []K {
	m.expire()
	keys := make([]K, 0, len(m.byKey))
	for e := m.root.next; e != &m.root; e = e.next {
		keys = append(keys, e.key)
	}
	return keys
}

// expire drops what is too old. Keys are in the order of their setting, so
// that it looks at one more than it drops.
func (m *Map[K, V]) expire() {
	if m.ttl == 0 || m.root.prev == &m.root {
		return
	}
	limit := m.now().Add(-m.ttl)
	for e := m.root.prev; e != &m.root && !e.set.After(limit); e = m.root.prev {
		m.expired++
		m.drop(e)
	}
}

// drop takes an entry out and keeps it for the next key.
func (m *Map[K, V]) drop(e *entry[K, V]) {
	delete(m.byKey, e.key)
	e.unlink()
	var noKey K
	var noValue V
	e.key, e.value = noKey, noValue
	m.spare = e
}

// fresh returns an entry, the one dropped last if there is one.
func (m *Map[K, V]) fresh() *entry[K, V] {
	if e := m.spare; e != nil {
		m.spare = nil
		return e
	}
	return &entry[K, V]{}
}

func (e *entry[K, V]) unlink() { e.prev.next, e.next.prev = e.next, e.prev }
