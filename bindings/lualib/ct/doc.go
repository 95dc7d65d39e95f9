// Package ct is connection tracking as scripts say it: the globals flows,
// expects, events, stats, on, ct and sys. It adapts the engine and the kernel
// to Lua and holds no logic of its own.
//
// It must not send a changing request except through a plan.
package ct
