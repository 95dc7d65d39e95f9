package stdlib

import "embed"

// Modules are the files that require finds first, by path: require "flow.show"
// is flow/show.lua.
//
//go:embed *.lua
var Modules embed.FS
