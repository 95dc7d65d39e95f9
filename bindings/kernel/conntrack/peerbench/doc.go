// Command peerbench compares the netlink core with the conntrack command, with
// another library and with a receive loop that parses nothing, alternately in
// one run, and prints ratios beside their budgets.
//
// It works in network namespaces of its own and needs the conntrack command.
// As root it raises the limit of the table for the time of the run. Times
// depend on the machine and what else it does; only the ratios mean something,
// and no ratio makes the command fail: a wrong number of flows does.
package main
