// Package names reads the names that the machine gives to numbers: services of
// ports from /etc/services, and connection tracking labels from connlabel.conf.
//
// Both files are read once, when a name is first asked for. The package must
// not ask the network for anything.
package names
