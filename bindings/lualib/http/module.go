package http

import (
	"github.com/ctsh/ctsh/lua/registry"
	"github.com/ctsh/ctsh/lua/vm"
)

// Open sets the global http. The turn of v must be held.
func Open(v *vm.VM, opt Options) *Client {
	c := newClient(v, opt)
	v.Set("http", module.Table(v.L, c))
	return c
}

const optionsDoc = "timeout is for all attempts together. Headers go only to the host that was asked, not to where it points. " +
	"A body longer than cap is cut there. insecure skips the check of the server's certificate"

const raises = "ETIMEDOUT if no answer came in time; ECONNREFUSED and the like if no connection came about; ENOENT if there is no such host; " +
	"EPROTO if the certificate is not to be trusted; ELOOP after 5 redirects; ENOTSUP on a redirect to another scheme"

var module = registry.NewModule[*Client]("http", "asks web servers. Proxies come from HTTP_PROXY, HTTPS_PROXY and NO_PROXY").
	Example(`ct> http.get("http://health.example/ready").status
200
ct> http.post("http://alerts.example/", {text = "table nearly full"}).ok
true`).
	Func("get(url: string, options?: {headers?: table, timeout?: duration 0.001..86400 = 10s, retry?: int 0..10 = 2, cap?: size 0..16777216 = 1MiB, insecure?: bool}) -> response",
		"asks for what is at a URL. No connection, a broken one, 429 and 5xx (but 501) are tried again, up to retry times, after as long as the server asks for. "+
			"An answer is no error, whatever its status. "+optionsDoc, (*Client).get).
	Raises(raises).
	Example(`ct> r = http.get("http://health.example/ready", {headers = {accept = "text/plain"}, timeout = "2s"})
ct> r
200 OK, 2 bytes
ct> r.body
up
ct> r.headers["content-type"]
text/plain
ct> http.get("http://health.example/nothing").status
404
ct> http.get("htps://health.example/")
prompt:1: bad argument "url" of http.get: scheme "htps" is not http or https; did you mean "https"?`).
	Func("post(url: string, body: text | table, options?: {headers?: table, timeout?: duration 0.001..86400 = 10s, retry?: int 0..10 = 0, cap?: size 0..16777216 = 1MiB, insecure?: bool}) -> response",
		"sends a body to a URL: a text as it is (text/plain unless headers has another content-type), a table as JSON. "+
			"It is tried again only if retry asks for that, because the server may then act twice. "+optionsDoc, (*Client).post).
	Raises(raises).
	Example(`ct> r = http.post("http://alerts.example/", {text = "table nearly full", count = 61000}, {retry = 3})
ct> r.body
got {"count":61000,"text":"table nearly full"}`)
