{{- /* The pod of both stores. */ -}}
{{- define "reprise.pod" -}}
metadata:
  labels:
    {{- include "reprise.labels" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  # Variables of services would begin with REPRISE_ as settings do, and the server refuses what is no setting.
  enableServiceLinks: false
  # The kill comes when everything else had its time.
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds .Values.drainSeconds 15 }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: reprise
      image: {{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop:
            - ALL
      ports:
        - name: http
          containerPort: 8080
      env:
        - name: REPRISE_TOKEN_FILE
          value: /run/secrets/token/{{ .Values.token.key }}
        {{- if eq .Values.store "postgres" }}
        - name: REPRISE_DATABASE_URL_FILE
          value: /run/secrets/database/{{ .Values.postgres.urlKey }}
        {{- end }}
        - name: REPRISE_PRE_STOP
          value: {{ printf "%ds" (int .Values.preStopSeconds) | quote }}
        - name: REPRISE_DRAIN_TIMEOUT
          value: {{ printf "%ds" (int .Values.drainSeconds) | quote }}
        {{- range $name, $value := .Values.settings }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      # Waiting for the database, opening a big one, migrating one: an hour. Until then nobody asks whether it lives.
      startupProbe:
        httpGet:
          path: /startupz
          port: http
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 1800
      livenessProbe:
        httpGet:
          path: /livez
          port: http
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 2
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: data
          mountPath: /data
        - name: tmp
          mountPath: /tmp
        - name: token
          mountPath: /run/secrets/token
          readOnly: true
        {{- if eq .Values.store "postgres" }}
        - name: database
          mountPath: /run/secrets/database
          readOnly: true
        {{- end }}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
    - name: token
      secret:
        secretName: {{ required "token.secretName must name a secret that holds the token" .Values.token.secretName | quote }}
        defaultMode: 0440
    {{- if eq .Values.store "postgres" }}
    - name: data
      emptyDir:
        sizeLimit: 64Mi
    - name: database
      secret:
        secretName: {{ required "postgres.urlSecretName must name a secret that holds the URL of the database" .Values.postgres.urlSecretName | quote }}
        defaultMode: 0440
    {{- end }}
  {{- if eq .Values.store "postgres" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "reprise.selector" . | nindent 10 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
