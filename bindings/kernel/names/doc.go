// Package names reads the names that the machine gives to ports: services from
// /etc/services.
//
// The file is read once, when a name is first asked for. The package must
// not ask the network for anything.
package names
