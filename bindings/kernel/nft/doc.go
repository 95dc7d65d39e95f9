// Package nft reads and changes the sets of nftables, the firewall, in a
// network namespace, and tells what the rules do with what is in a set.
//
// A [Client] finds a [Set] by its name, "inet filter synflood". The set parses
// text into an [Element] of its type, and lists, looks up, adds and deletes
// elements. Changes go out in transactions of up to [BatchSize] elements: of
// one transaction all happens or nothing. [Client.Uses] says which rules look a
// set up and whether they drop what is in it before another rule accepts it;
// [Client.DropsInvalid] says whether packets of state invalid are dropped.
//
// Tables, chains, sets and rules are read with github.com/google/nftables. Its
// Conn waits for ever, so that each question gets a socket with a deadline, and
// it does not notice a ruleset that changes while it is listed, so that the
// generation of the ruleset is compared before and after. Elements and
// transactions go through a socket of our own: the library's Flush does not say
// which message an answer belongs to, cannot name the generation that a
// transaction is for, and cuts a list of elements of 64 KiB or more short
// without a word.
//
// The package must not make or change rules, chains, sets or tables, and must
// not know what a set is used for.
package nft
