#compdef spike
# zsh completion for spike:
#   source <(spike completion zsh)
# or, for each new shell: spike completion zsh > "${fpath[1]}/_spike"

_spike() {
    local -a offers
    local line
    "${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null | while IFS= read -r line; do
        offers+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( ${#offers} )); then
        _describe -V spike offers
    else
        _files
    fi
}
if [[ $funcstack[1] == _spike ]]; then
    _spike "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef _spike spike
fi
