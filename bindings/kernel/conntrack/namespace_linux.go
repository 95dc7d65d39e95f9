package conntrack

import (
	"context"
	"os"
	"strconv"
	"strings"
)

// Watch implements namespaceWatcher. Only a namespace opened by name or path
// can be seen to be deleted; others live as long as they are open.
func (t *kernelTransport) Watch(ctx context.Context) <-chan error {
	if t.ns == nil {
		return nil
	}
	return t.ns.Watch(ctx)
}

// Buckets implements bucketCounter. The hash table is one for all namespaces,
// and each shows its size.
func (t *kernelTransport) Buckets() (int, error) {
	b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_buckets")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}
