{{- /* What servers and workers have in common. */ -}}

{{- define "streamer.labels" -}}
app.kubernetes.io/name: streamer
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Of "root", the chart, and "secrets", the names of what this one may see. */ -}}
{{- define "streamer.pod" -}}
{{- $values := .root.Values -}}
# It asks nothing of Kubernetes, so it has no token for it.
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
# As the standard "restricted" of Pod Security asks.
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    {{- toYaml $values.seccompProfile | nindent 4 }}
volumes:
  - name: secrets
    secret:
      secretName: {{ $values.secret }}
      defaultMode: 0440
      items:
        {{- range .secrets }}
        - { key: {{ . }}, path: {{ . }} }
        {{- end }}
  - name: data
    {{- if $values.data.claim }}
    persistentVolumeClaim:
      claimName: {{ $values.data.claim }}
    {{- else }}
    emptyDir:
      sizeLimit: {{ $values.data.sizeLimit }}
    {{- end }}
  - name: tmp
    emptyDir:
      sizeLimit: 256Mi
{{- end }}

{{- define "streamer.container" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - { name: secrets, mountPath: /run/secrets/streamer, readOnly: true }
  - { name: data, mountPath: /data }
  - { name: tmp, mountPath: /tmp }
{{- end }}

{{- define "streamer.secrets" -}}
{{- range . }}
- name: STREAMER_{{ upper . }}_FILE
  value: /run/secrets/streamer/{{ . }}
{{- end }}
{{- end }}
