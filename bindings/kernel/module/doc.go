// Package module tells whether a kernel module of connection tracking is
// there, built in or loaded, and its facts as modinfo would give them:
// filename, version, parameters with their values.
//
// It looks at what the machine offers, in this order: /sys/module,
// /proc/config.gz or /boot/config-RELEASE, and /lib/modules/RELEASE. A system
// may lack any of these, a container often all but the first; then the answer
// says so ([Unknown]) instead of guessing.
//
// It only reads files: it must not load a module and opens no sockets.
package module
