package fake

// Buckets is the size of the hash table: a client compares it before and
// after a dump.
func (k *Kernel) Buckets() (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sys.Buckets, nil
}
