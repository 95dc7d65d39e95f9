// Package nft is the sets of the firewall as scripts say them: the global nft.
//
// Changes are plans, and each can be taken back: what stood in the set before
// goes into the journal as JSON, and [Host.Revert] makes the way back of it.
// Only what nft.adder and nft.deleter return acts at once, for handlers.
//
// The package adapts bindings/kernel/nft to Lua. It must not change a set except
// through a plan or such a function, and must not know what a flow is: rows are
// taken apart by who opens it.
package nft
