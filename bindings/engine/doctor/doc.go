// Package doctor examines what connection tracking on this machine can do, and
// says in plain words what stands in the way.
//
// [Examine] gathers facts from the packages of bindings/kernel into a
// [Report], and draws the conclusions: whether ctsh can be used, why a table
// is empty, what the settings hide.
//
// It only reads: features are tried in namespaces made for that, and no module
// is loaded. It must not print: who asks decides how a report looks.
package doctor
