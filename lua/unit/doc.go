// Package unit reads and writes durations, sizes, rates, shares and masked
// numbers as people write them: 5m, 10MB, 5k/s, 90%, 0x10/0xff. Parse and
// Format are inverse.
//
// It must not import anything of ours or know Lua: the engine's filter language
// reads the same units as scripts do.
package unit
