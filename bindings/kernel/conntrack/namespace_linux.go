package conntrack

import "context"

// Watch implements namespaceWatcher. Only a namespace opened by name or path
// can be seen to be deleted; others live as long as they are open.
func (t *kernelTransport) Watch(ctx context.Context) <-chan error {
	if t.ns == nil {
		return nil
	}
	return t.ns.Watch(ctx)
}
