using '../main.bicep'

// What azd gives when only that is set that has no default.
param environmentName = 'contoso-test'
param location = 'westeurope'
param dataverseUrl = 'https://contoso.crm4.dynamics.com'
param finopsUrl = 'https://contoso.operations.dynamics.com'
param company = 'usmf'
param alertEmail = 'first@contoso.com'
param settings = toObject(loadJsonContent('../names.json').settings, name => name, name => '')
