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
// Tables, chains and sets are read with github.com/google/nftables, whose types
// also say what expressions of rules mean. Its Conn waits for ever, so that each
// question has a deadline, and it does not notice a ruleset that changes while
// it is listed, so that the generation of the ruleset is compared before and
// after. Rules, elements and transactions go through a socket of our own. The
// library leaves out expressions that it does not know, so that a rule seems to
// ask for less than it does; it keeps all elements of a set several times; its
// Flush does not say which message an answer belongs to, cannot name the
// generation that a transaction is for, and cuts a list of 64 KiB or more short
// without a word.
//
// The package must not make or change rules, chains, sets or tables, and must
// not know what a set is used for.
package nft
