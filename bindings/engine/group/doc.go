// Package group is the aggregation engine: it puts rows into groups by any
// number of key fields and keeps counts, sums, means, extremes, percentiles and
// numbers of distinct values of each group.
//
//	t, err := group.New(keys, []group.Aggregate{{Name: "n", Func: "count"}}, group.Options{})
//	... t.Add(row) for every row ...
//	err = t.Each(func(r *field.Row) error { ... })
//
// Everything of a group is one short record in a flat arena without pointers:
// the packed key, then a word or two for each aggregate. A row of a known group
// costs no allocation, and the collector sees nothing of the groups.
//
// What is missing stays missing. A row that lacks a key field goes to the group
// whose key lacks it. A row that lacks the value of an aggregate does not count
// for it, and an aggregate of a group in which no row had the value is absent,
// not 0. A number that is not finite is missing too. Only count counts every
// row, and uniq of no value at all is absent like the others.
//
// The package must not know where rows come from, how results are shown, Lua or
// sockets, and must not keep a row.
package group
