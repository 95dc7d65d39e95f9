// Package query runs selections of flows over a conntrack Kernel: what of the
// filter the kernel can do is left to it, and everything it returns is checked
// again.
//
// The package must not know Lua or open a socket.
package query
