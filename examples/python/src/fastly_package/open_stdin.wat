;; Returns WASI's standard input as an `input-stream` for `put-package`: the `wasmtime` package can't create one itself.
(component
  (import "wasi:io/streams@0.2.0" (instance $streams (export "input-stream" (type (sub resource)))))
  (alias export $streams "input-stream" (type $input-stream))
  (import "wasi:cli/stdin@0.2.0" (instance $stdin
    (alias outer 1 $input-stream (type $outer))
    (export "input-stream" (type $stream (eq $outer)))
    (export "get-stdin" (func (result (own $stream))))))
  (core func $get-stdin (canon lower (func $stdin "get-stdin")))
  (func (export "open-stdin") (result (own $input-stream)) (canon lift (core func $get-stdin))))
